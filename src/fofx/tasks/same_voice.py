"""Same voice: do two short recordings come from the same speaker (two sounds -> classification)?

Pairs of clips of drawn voices (_voices.py); the voices of validation and test are never heard in training, so what is
learnt is to compare, not to recognise. One's own data: a folder a speaker, as in voices/ann/1.wav.

The ladder: always the same answer; a line and the cosine on the mean cepstrum; a distance that has learnt what varies within
a voice; a siamese network over spectrograms. With few speakers a network learns these by heart and is little better than
a guess on new ones; the distance needs few, and `voiceprint` begins from what 2,000 drawn voices have in common.
"""

from __future__ import annotations

from typing import Any


def data(speakers: int = 160, pairs: int = 4000, seed: int = 0) -> Any:
    """A table of pairs: `first` and `second` (bytes of WAV files), `same` ("yes" or "no"), and who speaks on each side.

    Each voice is in one part only: training, validation or test.
    """
    import numpy as np

    from fofx.data.pairs import pair_table
    from fofx.data.read import read
    from fofx.errors import TaskError
    from fofx.tasks._voices import as_wav, voices

    found = voices()
    names = list(dict.fromkeys(found.voices))
    if not 6 <= speakers <= len(names):
        raise TaskError("bad-option", f"speakers is a number from 6 to {len(names)}; got {speakers}.")
    drawn = set(np.random.default_rng(seed).permutation(names)[:speakers].tolist())
    rows = [row for row, name in enumerate(found.voices) if name in drawn]
    clips = [as_wav(found.samples[row]) for row in rows]
    table = read({"sound": clips, "speaker": [found.voices[row] for row in rows]})
    table.kinds = {"sound": "sound", "speaker": "category"}
    return pair_table(table, "speaker", "sound", most=pairs, seed=seed)


def own(path: str) -> dict[str, Any]:
    """Speaker folders, or a table with a column of sounds and one of speakers ("label", "speaker" or "voice")."""
    from fofx.data.read import read
    from fofx.errors import TaskError

    table = read(path)
    sounds = [name for name, kind in table.kinds.items() if kind == "sound"]
    speaker = next((name for name in ("label", "speaker", "voice", "说话人") if name in table.frame.columns), None)
    if not sounds or speaker is None:
        raise TaskError(
            "no-voices",
            f"{path} should hold a folder of sounds for each speaker (ann/1.wav, bob/1.wav), or a table with a column of "
            "sound files and one called speaker.",
        )
    return {"data": table, "pairs": speaker, "inputs": sounds[0]}


TASK = {
    "name": "same-voice",
    "question": {
        "en": "Do these two recordings come from the same speaker?",
        "zh": "这两段录音是同一个人说的吗？",
    },
    "cell": (3, 2),
    "data": data,
    "outputs": "same",
    "own": own,
    "options": {"inputs": ["first", "second"]},
    "demo": {"speakers": 60, "pairs": 1200},
    "honesty": {
        "en": "Drawn voices: a program speaks 30 English and Chinese words in 160 voices that nobody has, without rooms, "
        "microphones or colds. Real voices vary more from day to day, so the score does not carry over to people. "
        "No voice of the test was heard in training.",
        "zh": "人工合成的声音：由程序用 160 个虚构的嗓音念 30 个中英文词，没有房间、麦克风或感冒的影响。真人的声音每天的变化更大，"
        "所以这里的得分不能代表真人。测试用的声音在训练中从未出现过。",
    },
    "good": {
        "en": "Accuracy on voices never heard: always the same answer 0.50, a line through both sides 0.47, begun from drawn "
        "voices (voiceprint) 0.84, with an AUC of 0.92.",
        "zh": "对从未听过的声音的准确率 (accuracy)：总是同一个答案 0.50，把两段并排放在一起的线性模型 0.47，"
        "从人工合成的声音出发 (voiceprint) 0.84，AUC 0.92。",
    },
}
