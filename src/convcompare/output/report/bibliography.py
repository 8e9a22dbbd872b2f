"""The works that a report cites, as BibTeX."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from convcompare.core.version import __version__


@dataclass(frozen=True)
class Work:
    """A work: its short form in a text, its kind in BibTeX, and its fields."""

    short: str
    kind: str
    fields: Mapping[str, str]

    def bibtex(self, key: str) -> str:
        """Return its BibTeX entry."""
        lines = [f"  {name} = {{{value}}}" for name, value in self.fields.items()]
        return f"@{self.kind}{{{key},\n" + ",\n".join(lines) + "\n}"


def _work(short: str, kind: str, **fields: str) -> Work:
    return Work(short, kind, fields)


WORKS: Mapping[str, Work] = {
    "convcompare": _work(
        f"version {__version__}", "misc", key="convcompare", title="{convcompare}",
        note=f"Fair comparisons of convolutional networks, version {__version__}",
    ),
    "paszke2019": _work(
        "Paszke et al., 2019", "inproceedings",
        author="Paszke, Adam and Gross, Sam and Massa, Francisco and others",
        title="{PyTorch}: An Imperative Style, High-Performance Deep Learning Library",
        booktitle="Advances in Neural Information Processing Systems 32", year="2019",
        eprint="1912.01703", archiveprefix="arXiv",
    ),
    "lecun1998": _work(
        "LeCun et al., 1998", "article",
        author=r"LeCun, Yann and Bottou, L{\'e}on and Bengio, Yoshua and Haffner, Patrick",
        title="Gradient-Based Learning Applied to Document Recognition",
        journal="Proceedings of the IEEE", volume="86", number="11", pages="2278--2324",
        year="1998", doi="10.1109/5.726791",
    ),
    "krizhevsky2009": _work(
        "Krizhevsky, 2009", "techreport", author="Krizhevsky, Alex",
        title="Learning Multiple Layers of Features from Tiny Images",
        institution="University of Toronto", year="2009",
    ),
    "xiao2017": _work(
        "Xiao et al., 2017", "misc", author="Xiao, Han and Rasul, Kashif and Vollgraf, Roland",
        title="{Fashion-MNIST}: a Novel Image Dataset for Benchmarking Machine Learning Algorithms",
        year="2017", eprint="1708.07747", archiveprefix="arXiv",
    ),
    "clanuwat2018": _work(
        "Clanuwat et al., 2018", "misc",
        author="Clanuwat, Tarin and Bober-Irizar, Mikel and Kitamoto, Asanobu and Lamb, Alex and "
        "Yamamoto, Kazuaki and Ha, David",
        title="Deep Learning for Classical {Japanese} Literature", year="2018",
        eprint="1812.01718", archiveprefix="arXiv",
    ),
    "cohen2017": _work(
        "Cohen et al., 2017", "misc",
        author="Cohen, Gregory and Afshar, Saeed and Tapson, Jonathan and {van Schaik}, Andr{\\'e}",
        title="{EMNIST}: an Extension of {MNIST} to Handwritten Letters", year="2017",
        eprint="1702.05373", archiveprefix="arXiv",
    ),
    "netzer2011": _work(
        "Netzer et al., 2011", "inproceedings",
        author="Netzer, Yuval and Wang, Tao and Coates, Adam and Bissacco, Alessandro and Wu, Bo "
        "and Ng, Andrew Y.",
        title="Reading Digits in Natural Images with Unsupervised Feature Learning",
        booktitle="NIPS Workshop on Deep Learning and Unsupervised Feature Learning", year="2011",
    ),
    "kingma2015": _work(
        "Kingma and Ba, 2015", "inproceedings", author="Kingma, Diederik P. and Ba, Jimmy",
        title="{Adam}: A Method for Stochastic Optimization",
        booktitle="International Conference on Learning Representations", year="2015",
        eprint="1412.6980", archiveprefix="arXiv",
    ),
    "loshchilov2019": _work(
        "Loshchilov and Hutter, 2019", "inproceedings",
        author="Loshchilov, Ilya and Hutter, Frank",
        title="Decoupled Weight Decay Regularization",
        booktitle="International Conference on Learning Representations", year="2019",
        eprint="1711.05101", archiveprefix="arXiv",
    ),
    "jordan2024": _work(
        "Jordan et al., 2024", "misc", author="Jordan, Keller and others",
        title="Muon: An Optimizer for Hidden Layers in Neural Networks", year="2024",
    ),
    "student1908": _work(
        "Student, 1908", "article", author="{Student}", title="The Probable Error of a Mean",
        journal="Biometrika", volume="6", number="1", pages="1--25", year="1908",
        doi="10.1093/biomet/6.1.1",
    ),
    "smyth2004": _work(
        "Smyth, 2004", "article", author="Smyth, Gordon K.",
        title="Linear Models and Empirical {Bayes} Methods for Assessing Differential Expression "
        "in Microarray Experiments",
        journal="Statistical Applications in Genetics and Molecular Biology", volume="3",
        number="1", year="2004", doi="10.2202/1544-6115.1027",
    ),
    "mcnemar1947": _work(
        "McNemar, 1947", "article", author="McNemar, Quinn",
        title="Note on the Sampling Error of the Difference Between Correlated Proportions or "
        "Percentages",
        journal="Psychometrika", volume="12", pages="153--157", year="1947",
        doi="10.1007/BF02295996",
    ),
    "holm1979": _work(
        "Holm, 1979", "article", author="Holm, Sture",
        title="A Simple Sequentially Rejective Multiple Test Procedure",
        journal="Scandinavian Journal of Statistics", volume="6", number="2", pages="65--70",
        year="1979",
    ),
    "fleming1986": _work(
        "Fleming and Wallace, 1986", "article", author="Fleming, Philip J. and Wallace, John J.",
        title="How Not to Lie with Statistics: The Correct Way to Summarize Benchmark Results",
        journal="Communications of the ACM", volume="29", number="3", pages="218--221",
        year="1986", doi="10.1145/5666.5673",
    ),
    "lan1983": _work(
        "Lan and DeMets, 1983", "article", author="Lan, K. K. Gordon and DeMets, David L.",
        title="Discrete Sequential Boundaries for Clinical Trials", journal="Biometrika",
        volume="70", number="3", pages="659--663", year="1983", doi="10.1093/biomet/70.3.659",
    ),
    "armitage1969": _work(
        "Armitage et al., 1969", "article",
        author="Armitage, Peter and McPherson, C. K. and Rowe, B. C.",
        title="Repeated Significance Tests on Accumulating Data",
        journal="Journal of the Royal Statistical Society. Series A", volume="132", number="2",
        pages="235--244", year="1969", doi="10.2307/2343787",
    ),
    "schuirmann1987": _work(
        "Schuirmann, 1987", "article", author="Schuirmann, Donald J.",
        title="A Comparison of the Two One-Sided Tests Procedure and the Power Approach for "
        "Assessing the Equivalence of Average Bioavailability",
        journal="Journal of Pharmacokinetics and Biopharmaceutics", volume="15", number="6",
        pages="657--680", year="1987", doi="10.1007/BF01068419",
    ),
}  # fmt: skip
DATA: Mapping[str, str] = {
    "mnist": "lecun1998",
    "mnist-mini": "lecun1998",
    "cifar10": "krizhevsky2009",
    "cifar100": "krizhevsky2009",
    "fashion-mnist": "xiao2017",
    "kmnist": "clanuwat2018",
    "emnist": "cohen2017",
    "svhn": "netzer2011",
}
"""Sources of the data sets."""
OPTIMIZERS: Mapping[str, str] = {
    "adam": "kingma2015",
    "adamw": "loshchilov2019",
    "muon": "jordan2024",
}


def bibtex(keys: Iterable[str]) -> str:
    """Return the entries of the cited works, each once."""
    return "\n\n".join(WORKS[key].bibtex(key) for key in dict.fromkeys(keys)) + "\n"
