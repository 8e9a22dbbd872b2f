"""What the history of a run says of its learning: gaps of overfitting, epochs to an accuracy."""

from __future__ import annotations

from .store.run import Epoch, Run


def accuracy_gap(run: Run) -> float:
    """Train minus test accuracy of the epoch that counts, fractions; above zero where it overfits.

    Train figures are means over the last pass, as the weights move and with dropout and
    augmentation on, so that the gap of the final weights is larger. ValueError without an epoch.
    """
    shown = _shown(run)
    return shown.train_accuracy - shown.test_accuracy


def loss_gap(run: Run) -> float:
    """Test minus train loss of the epoch that counts, in nats; above zero where it overfits."""
    shown = _shown(run)
    return shown.test_loss - shown.train_loss


def epochs_to(run: Run, accuracy: float) -> int | None:
    """The first epoch after which the test accuracy was at least `accuracy`; None where never."""
    for epoch in run.history:
        if epoch.test_accuracy >= accuracy:
            return epoch.epoch
    return None


def _shown(run: Run) -> Epoch:
    if run.shown is None:
        raise ValueError(f"run {run.id} has no epoch")
    return run.shown
