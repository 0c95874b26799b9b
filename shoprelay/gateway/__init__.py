"""The gateway: the shop's backend asks it about stock, delivery, customers and orders; only it asks the platform."""
