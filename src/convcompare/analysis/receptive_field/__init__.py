"""Receptive fields: traced with one rule per operation, or measured if that is not possible.

axis, tensor_field                              fields of all units along one side; of a tensor
window_rules, reshape_rules, reduction_rules    effect of each operation on them
tracer, traced                                  follow a network operation by operation
reach, reach_rules, reach_moves, reach_windows, reach_products
                                                second method: what each element depends on
reach_mode, reach_run, places, measured         run a network with it and read its layers
of_network                                      the field of a spec's network, by either method
effective                                       influence of each pixel (arXiv:1701.04128)
"""
