"""A small convolutional classifier of 28×28 grey digits; its penultimate layer is the `mnist-cnn` feature space."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

FEATURES = 64


class DigitClassifier(nn.Module):
    """Three convolutions and a hidden layer of 64. Input (batch, 1, 28, 28) in [−1, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32)
        self.conv2, self.norm2 = nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64)
        self.conv3, self.norm3 = nn.Conv2d(64, 64, 3, padding=1), nn.BatchNorm2d(64)
        self.hidden, self.logits = nn.Linear(64 * 3 * 3, FEATURES), nn.Linear(FEATURES, 10)

    def features(self, x: Tensor) -> Tensor:
        """(batch, 64), non-negative."""
        for conv, norm in ((self.conv1, self.norm1), (self.conv2, self.norm2), (self.conv3, self.norm3)):
            x = F.max_pool2d(F.relu(norm(conv(x))), 2)
        return F.relu(self.hidden(x.flatten(1)))

    def forward(self, x: Tensor) -> Tensor:
        return self.logits(F.dropout(self.features(x), 0.3, self.training))
