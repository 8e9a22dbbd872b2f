"""Receptive fields: traced by one rule per operation, checked by gradients, measured otherwise.

axis, tensor_field                              the fields of all units along one side; of a tensor
window_rules, reshape_rules, reduction_rules    what each operation does to them
tracer, traced                                  a network followed operation by operation
linearised, linear_copy, gradient_support       the second way: gradients of a linear copy
of_network                                      a network by its spec, traced or else measured
effective                                       how much of the field matters (arXiv:1701.04128)
"""
