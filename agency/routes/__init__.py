"""HTTP: paths, status codes and bodies. Knows what to call, not how it is done."""
