"""Workers: indicators computed in separate processes."""
