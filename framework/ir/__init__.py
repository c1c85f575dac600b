"""What a model is: sizes, types, signatures, operators, graphs."""
