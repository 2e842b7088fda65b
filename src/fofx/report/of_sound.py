"""How the report shows a sound: its spectrogram, time to the right and pitch upwards, dark where it is loud."""

from __future__ import annotations

import polars as pl

from fofx.explain.markup import picture_uri
from fofx.explain.of_sound import one_sound, spectrogram_picture
from fofx.fields.sound import Sound
from fofx.report.shown import input_drawn


@input_drawn.register
def of_sound(field: Sound, column: pl.Series) -> str:
    picture = spectrogram_picture(one_sound(field, column), field.rate, field.bands)
    return f'<img class="alone" src="{picture_uri(picture)}" alt="">'
