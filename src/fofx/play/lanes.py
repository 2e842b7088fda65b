# mypy: ignore-errors
"""Eight float32 numbers in one register of the processor, as a type that numba-compiled code can add and multiply.

numba leaves LLVM's joining of scalar statements off, and its loop vectorizer pays a check at every short loop. A network
of 4 or 8 neurons a layer has only short loops. With eight numbers as one value, a layer of eight neurons is one
multiplication and one addition per input. LLVM splits the eight where the processor's registers are narrower.

Array functions read and write eight neighbours from an offset and check no bounds: the caller pads its arrays.
"""

from __future__ import annotations

import operator

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

WIDTH = 8
FLOATS = ir.VectorType(ir.FloatType(), WIDTH)
WHOLE = ir.VectorType(ir.IntType(32), WIDTH)
# What a compiler may do: fuse a product with a sum, reorder sums. Not: assume that no number is infinite or NaN.
FREEDOM = ("contract", "reassoc", "nsz")


class Lanes(types.Type):
    """numba's type of eight float32 numbers."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


LANES = Lanes()


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    """How they are held: as LLVM's <8 x float>."""

    def __init__(self, manager, kind) -> None:
        super().__init__(manager, kind, FLOATS)


def constant(number: float):
    return ir.Constant(FLOATS, [float(np.float32(number))] * WIDTH)


def element(context, builder, kind, array, offset):
    """The address of one number of an array."""
    return builder.gep(context.make_array(kind)(context, builder, array).data, [offset])


def copies(builder, number):
    """One float in all eight places."""
    first = builder.insert_element(ir.Constant(FLOATS, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, ir.Constant(FLOATS, ir.Undefined), ir.Constant(WHOLE, [0] * WIDTH))


def eight(context, builder, kind, array, offset):
    """The address of eight numbers of an array."""
    return builder.bitcast(element(context, builder, kind, array, offset), FLOATS.as_pointer())


@intrinsic
def load(typing, array, offset):
    """Eight neighbours of a float32 array, from an offset."""

    def build(context, builder, signature, given):
        return builder.load(eight(context, builder, signature.args[0], given[0], given[1]), align=4)

    return LANES(array, types.intp), build


@intrinsic
def store(typing, array, offset, lanes):
    """Write eight neighbours of a float32 array, from an offset."""

    def build(context, builder, signature, given):
        builder.store(given[2], eight(context, builder, signature.args[0], given[0], given[1]), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, LANES), build


@intrinsic
def everywhere(typing, array, offset):
    """One number of a float32 array, in all eight places."""

    def build(context, builder, signature, given):
        return copies(builder, builder.load(element(context, builder, signature.args[0], given[0], given[1])))

    return LANES(array, types.intp), build


@intrinsic
def spread(typing, number):
    """A float32 number in all eight places."""
    return LANES(types.float32), lambda context, builder, signature, given: copies(builder, given[0])


def pairwise(instruction: str):
    """An instruction on two times eight numbers."""

    @intrinsic
    def apply(typing, left, right):
        def build(context, builder, signature, given):
            return getattr(builder, instruction)(given[0], given[1], flags=FREEDOM)

        return LANES(LANES, LANES), build

    return apply


def choice(comparison: str):
    """The left number where it is smaller (larger) than the right, else the right."""

    @intrinsic
    def apply(typing, left, right):
        def build(context, builder, signature, given):
            return builder.select(builder.fcmp_ordered(comparison, given[0], given[1]), given[0], given[1])

        return LANES(LANES, LANES), build

    return apply


def arithmetic(sign, apply) -> None:
    """Let a sign such as + stand between lanes, or between lanes and one number."""

    @overload(sign)
    def choose(left, right):
        if left is LANES and right is LANES:
            return lambda left, right: apply(left, right)
        if left is LANES and isinstance(right, types.Number):
            return lambda left, right: apply(left, spread(np.float32(right)))
        if right is LANES and isinstance(left, types.Number):
            return lambda left, right: apply(spread(np.float32(left)), right)
        return None


for sign, instruction in ((operator.add, "fadd"), (operator.sub, "fsub")):
    arithmetic(sign, pairwise(instruction))
for sign, instruction in ((operator.mul, "fmul"), (operator.truediv, "fdiv")):
    arithmetic(sign, pairwise(instruction))
smaller, larger = choice("<"), choice(">")


def library(builder, name: str, lanes):
    """LLVM's own square root or floor of eight numbers."""
    kind = ir.FunctionType(FLOATS, [FLOATS])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{WIDTH}f32"), [lanes])


@intrinsic
def square_root(typing, lanes):
    """The square root of each."""
    return LANES(LANES), lambda context, builder, signature, given: library(builder, "sqrt", given[0])


@intrinsic
def positive(typing, lanes):
    """1 where a number is above 0, else 0."""

    def build(context, builder, signature, given):
        return builder.select(builder.fcmp_ordered(">", given[0], constant(0)), constant(1), constant(0))

    return LANES(LANES), build


@intrinsic
def two_to_the(typing, lanes):
    """2 to the power of whole numbers from -126 to 127, by writing the exponent's bits; of NaN, 1."""

    def build(context, builder, signature, given):
        known = builder.select(builder.fcmp_ordered("ord", given[0], given[0]), given[0], constant(0))
        biased = builder.add(builder.fptosi(known, WHOLE), ir.Constant(WHOLE, [127] * WIDTH))
        return builder.bitcast(builder.shl(biased, ir.Constant(WHOLE, [23] * WIDTH)), FLOATS)

    return LANES(LANES), build


@intrinsic
def floor(typing, lanes):
    """The whole number below each."""
    return LANES(LANES), lambda context, builder, signature, given: library(builder, "floor", given[0])
