"""What a model is made of, as tables: shapes, parameters, work."""
