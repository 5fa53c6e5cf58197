"""How well something speaks: said by independent judges, in one table with what is known."""
