"""Features of customers, orders and items: pure functions of frames."""
