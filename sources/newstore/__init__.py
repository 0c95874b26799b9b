"""NewStore's stock: what can be promised of each product at each location."""
