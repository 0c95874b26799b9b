"""JUNE: customers, orders, fulfilments and carts through its custom-shop integration."""
