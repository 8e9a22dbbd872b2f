"""Names and summaries of the commands, and the texts around them in the help."""

from __future__ import annotations

from collections.abc import Mapping

ABOUT = "Compare convolutional networks fairly: the same data, recipe and seeds for each."
EXAMPLES = (
    "convcompare compare fcn simple residual --dataset mnist-mini --epochs 1",
    "convcompare plot learning-curves --terminal",
    "convcompare runs latest --format markdown",
)
"""Three commands that work one after the other, without a network connection."""
EXIT_CODES = (
    "Exit codes: 0 all done, 1 a trial failed or diverged, 2 bad request, "
    "3 data or weights not available, 4 store damaged or not writable, 130 or 143 interrupted."
)

COMMANDS: Mapping[str, str] = {
    "compare": "Train networks under the same conditions, and print a table with verdicts.",
    "train": "Train one network once.",
    "worker": "Share a comparison: run its trials together with other workers until none is left.",
    "study": "Reproduce the studies of the reports: train what is missing, print the tables.",
    "models": "List the networks, with parameters and MACs for a data set.",
    "layers": "Compare the custom layers with torch's: differences, time, parameters.",
    "receptive-field": "Show the exact receptive field of every layer: size, stride and start.",
    "gradients": "Measure the gradient of each layer on a fixed batch, before and in training.",
    "plot": "Draw figures of a comparison, with their data as CSV.",
    "classes": "Show the test accuracy of each class, and how the networks differ.",
    "robustness": "Measure accuracy on damaged images: shifts, rotation, noise, blur and others.",
    "disagreements": "Show on which images two networks differ, compared with two seeds of one.",
    "report": "Write a report: a folder with Markdown, figures and their data, and one HTML page.",
    "datasets": "List the data sets, or show one: splits, classes, images, faults.",
    "doctor": "Show what this machine offers: versions, device, data, sources, state of the runs.",
    "runs": "List the runs, show one, or the table of the latest comparison.",
    "runs verify": "Train a run again from its record, and report whether it is bit-identical.",
    "runs check": "Verify every file of a store and list damage; --repair quarantines it.",
    "runs comparisons": "List the comparisons, the oldest first.",
    "runs diff": "Show what differs between two comparisons or two runs: settings, data, code, "
    "accuracy.",
    "runs merge": "Check the runs and comparisons of other stores, and copy those that are "
    "missing here.",
    "runs pack": "Pack finished runs into one file, which every command reads as a store.",
    "runs unpack": "Unpack a file of `runs pack` into a folder.",
    "runs tag": "Tag runs, to find them again.",
    "runs note": "Keep a note with a run, or show it.",
    "runs rm": "Remove runs permanently, after asking.",
    "runs export": "Export runs to other tools: CSV, TensorBoard, MLflow, Weights & Biases.",
}
"""In the order of the help. Each summary is the first paragraph of the function's docstring."""
