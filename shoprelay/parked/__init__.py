"""The operator's side of parking: look at what a person must look at, send it on its second way, or let it go."""
