"""WayMore (Routee): customers, carts, orders, products and stock through its integration for custom software."""
