"""Videos: a picture encoder looks at every frame, then attention over time puts together what it saw.

As in Arnab and others, "ViViT: A Video Vision Transformer", 2021 (its factorised encoder), with any encoder of pictures in front,
and one learnt question at the end, whose weights say which frame mattered. A convolution followed by means forgets where a
thing stood, so each pixel may be told its place (Liu and others, "CoordConv", 2018) and what has changed since the frame before
(the second stream of Simonyan and Zisserman, 2014).
"""

# B videos, F frames, C colours, H x W pixels, D features of a frame, K channels of a token, N heads, O outputs

from __future__ import annotations

import torch
from torch import nn

from fofx.models.attention import SelfAttention, attend, real_positions
from fofx.models.cnn import CNN, ConvolutionStage
from fofx.models.dropout import Dropout
from fofx.models.transformer import TransformerBlock
from fofx.models.window import Peek


def with_changes(videos: torch.Tensor) -> torch.Tensor:
    """Each frame beside its change since the frame before, which is 0 in the first: (B, F, C, H, W) -> (B, F, 2C, H, W)."""
    change = torch.diff(videos, dim=1, prepend=videos[:, :1])  # (B, F, C, H, W)
    return torch.cat([videos, change], dim=2)


def with_places(videos: torch.Tensor) -> torch.Tensor:
    """Each frame with two channels more, the row and the column of each pixel from -1 to 1: -> (B, F, C + 2, H, W)."""
    batch, frames, _, height, width = videos.shape
    rows = torch.linspace(-1, 1, height, device=videos.device, dtype=videos.dtype)[:, None].expand(height, width)
    columns = torch.linspace(-1, 1, width, device=videos.device, dtype=videos.dtype).expand(height, width)
    places = torch.stack([rows, columns]).expand(batch, frames, 2, height, width)
    return torch.cat([videos, places], dim=2)


class Question(nn.Module):
    """One learnt question to all tokens: (B, F, K) -> (B, K), the mean of their values by how well their keys answer it.

    `weights` (B, N, 1, F) says how much each frame mattered, for each head.
    """

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.question = nn.Parameter(torch.empty(width).normal_(std=0.02))
        self.project = nn.Linear(width, 2 * width)  # keys and values in one product
        self.output = nn.Linear(width, width)
        self.weights = Peek()

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        batch, frames, width = tokens.shape
        parts = self.project(tokens).view(batch, frames, 2, self.heads, width // self.heads)  # (B, F, 2, N, K / N)
        keys, values = parts.permute(2, 0, 3, 1, 4)  # each (B, N, F, K / N)
        asked = self.question.view(1, self.heads, 1, -1).expand(batch, -1, -1, -1)  # (B, N, 1, K / N)
        mixed = attend(asked, keys, values, None, self.weights)  # (B, N, 1, K / N)
        return self.output(mixed.flatten(1))  # (B, K)


class VideoNet(nn.Module):
    """(B, F, C, H, W) -> (B, O). With `outputs=None` there is no head and the answer to the question, (B, K), comes out.

    `encoder` takes pictures (B, C', H, W) and gives features (B, D), D = `encoder.width`; C' is C, twice C with `changes`, two
    more with `places`. `frames` is the most that a video may have; more are a ValueError.
    """

    def __init__(
        self,
        encoder: nn.Module,
        outputs: int | None,
        frames: int = 16,
        width: int = 64,
        layers: int = 1,
        heads: int = 4,
        dropout: float = 0.0,
        changes: bool = True,
        places: bool = True,
    ) -> None:
        super().__init__()
        self.changes, self.places = changes, places
        self.encoder = encoder
        self.seen = Peek()
        self.project = nn.Linear(encoder.width, width)  # type: ignore[arg-type]
        self.position = nn.Embedding(frames, width)
        nn.init.normal_(self.position.weight, std=0.02)
        self.embedded = Peek()
        self.dropout = Dropout(dropout)
        self.blocks = nn.ModuleList(TransformerBlock(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.question = Question(width, heads)
        self.width = width
        self.pooled = Peek()
        self.head = nn.Identity() if outputs is None else nn.Linear(width, outputs)
        self.outputs = Peek()

    def frame_features(self, videos: torch.Tensor) -> torch.Tensor:
        """What the encoder sees in each frame: (B, F, C, H, W) -> (B, F, D)."""
        shown = with_changes(videos) if self.changes else videos
        shown = with_places(shown) if self.places else shown
        flat = shown.flatten(0, 1).contiguous(memory_format=torch.channels_last)  # (B F, C', H, W)
        return self.seen(self.encoder(flat).unflatten(0, videos.shape[:2]))  # (B, F, D)

    def features(self, videos: torch.Tensor) -> torch.Tensor:
        frames = videos.shape[1]
        if frames > self.position.num_embeddings:
            raise ValueError(f"expected at most {self.position.num_embeddings} frames, got {frames}.")
        found = self.project(self.frame_features(videos))  # (B, F, K)
        tokens = self.dropout(self.embedded(found + self.position.weight[:frames]))  # (B, F, K)
        for block in self.blocks:
            tokens = block(tokens)
        return self.pooled(self.question(self.norm(tokens)))  # (B, K)

    def forward(self, videos: torch.Tensor) -> torch.Tensor:
        return self.outputs(self.head(self.dropout(self.features(videos))))  # (B, O)


class VideoCNN(VideoNet):
    """A `VideoNet` whose encoder is a small convolutional network: (B, F, C, S, S) -> (B, O)."""

    def __init__(
        self,
        outputs: int | None,
        channels: int = 3,
        size: int = 32,
        frames: int = 8,
        widths: tuple[int, ...] = (16, 32, 64),
        width: int = 64,
        layers: int = 1,
        dropout: float = 0.0,
    ) -> None:
        encoder = CNN(None, channels=2 * channels + 2, widths=widths, size=max(size, 64))  # every second pixel
        super().__init__(encoder, outputs, frames=frames, width=width, layers=layers, dropout=dropout)


PIECES = (
    Peek,
    Dropout,
    ConvolutionStage,
    CNN,
    real_positions,
    attend,
    SelfAttention,
    TransformerBlock,
    with_changes,
    with_places,
    Question,
    VideoNet,
    VideoCNN,
)
