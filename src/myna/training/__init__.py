"""One loop that trains every network; what is trained, and on what, are tasks and recipes."""
