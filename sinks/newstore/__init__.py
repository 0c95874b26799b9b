"""NewStore: orders injected, profiles kept up to date, products, stock and prices imported."""
