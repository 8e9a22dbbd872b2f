"""Receptive fields: traced by one rule per operation, measured where that is not possible.

axis, tensor_field                              the fields of all units along one side; of a tensor
window_rules, reshape_rules, reduction_rules    what each operation does to them
tracer, traced                                  a network followed operation by operation
reach, reach_rules, reach_moves, reach_windows, reach_products
                                                the second way: what each element depends on
reach_mode, reach_run, places, measured         a network run with it, and its layers read
of_network                                      a network by its spec, traced or else measured
effective                                       how much of the field matters (arXiv:1701.04128)
"""
