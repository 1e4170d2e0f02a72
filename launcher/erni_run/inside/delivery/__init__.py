"""From an ended span to the collector: queue, batches, transport. Never on the application's threads."""
