"""What is built on the API: conformance with ONNX's own test cases."""
