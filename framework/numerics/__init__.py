"""Array mathematics on NumPy alone: knows neither operators nor graphs."""
