"""Think and carry: the pure domain, the engine under Faust, the worker's agents, the delivery to platforms."""
