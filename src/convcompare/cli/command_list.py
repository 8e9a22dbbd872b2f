"""The commands by name, in one line each, and what the help says around them."""

from __future__ import annotations

from collections.abc import Mapping

ABOUT = "Compare convolutional networks fairly: the same data, recipe and seeds for each."
EXAMPLES = (
    "convcompare compare fcn simple residual --dataset mnist-mini --epochs 1",
    "convcompare plot learning-curves --terminal",
    "convcompare runs latest --format markdown",
)
"""Three lines that work as they are, one after the other, without a network."""
EXIT_CODES = (
    "Exit codes: 0 all done, 1 a trial failed or diverged, 2 bad request, "
    "3 data or weights not available, 4 store damaged or not writable, 130 or 143 interrupted."
)

COMMANDS: Mapping[str, str] = {
    "compare": "Train networks under the same conditions and print the table of the reports.",
    "train": "Train one network once.",
    "worker": "Take part in a comparison: run its trials beside other workers until none is left.",
    "study": "Run the studies of the reports: what is missing is trained, the tables are printed.",
    "models": "List the networks, with parameters and MACs for a data set.",
    "layers": "Measure the custom layers beside torch's: differences, time, parameters.",
    "receptive-field": "What each unit sees: exact size, stride and start of every layer.",
    "gradients": "Gradient of each layer on one fixed batch, at initialisation and after each "
    "epoch.",
    "plot": "Draw figures of a comparison, and beside each its data as CSV.",
    "classes": "Test accuracy of each class, and how the networks differ in it.",
    "robustness": "Accuracy and consistency on damaged images: shifts, rotation, noise, blur, JPEG "
    "and others.",
    "disagreements": "On which test images two networks differ, and whether more than the seeds of "
    "one do.",
    "report": "Write a report: a folder with Markdown, figures and their data, and one HTML page.",
    "datasets": "List the data sets, or say what was understood of one: splits, classes, images, "
    "faults.",
    "doctor": "Say what this machine offers: versions, device, data, sources, and whether runs are "
    "sound.",
    "runs": "List the runs, show one, or the table of the latest comparison.",
    "runs verify": "Train a run again from its record, and say whether the bits are equal.",
    "runs check": "Read everything of a store, and name what is damaged; --repair puts it aside.",
    "runs comparisons": "List the comparisons, the oldest first.",
    "runs diff": "Say what differs between two comparisons or two runs: settings, data, code, "
    "accuracy.",
    "runs merge": "Check the runs and comparisons of another store, and copy those that this one "
    "lacks.",
    "runs pack": "Put runs that have ended into one file, which every command reads as a store.",
    "runs unpack": "Make a folder of a file of `runs pack`.",
    "runs tag": "Put a tag on runs, to find them again.",
    "runs note": "Keep a note with a run, or show it.",
    "runs rm": "Remove runs for good, after asking.",
    "runs export": "Write runs for other programs: CSV, TensorBoard, MLflow, Weights & Biases.",
}
"""In the order of the help. The line is the first paragraph of the function's docstring."""
