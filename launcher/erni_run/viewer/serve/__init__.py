"""The page and the APIs over HTTP. What is asked is understood here; what is answered is found in query."""
