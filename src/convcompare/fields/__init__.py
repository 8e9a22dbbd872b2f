"""Receptive fields: traced by one rule an operation, checked by gradients, measured where neither.

axis, state               the fields of all units along one side; of a tensor
rules, shapes, mixing     what each operation does to them
trace, receptive_field    a network followed operation by operation
linear, surrogates, support   the second way: gradients of a linear copy
measure                   a network by its spec, traced or else measured
effective_field           how much of the field matters (arXiv:1701.04128)
"""
