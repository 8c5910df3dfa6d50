"""Workers: indicators computed in processes of their own."""
