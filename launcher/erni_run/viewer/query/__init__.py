"""Questions to the database, answered in plain values: whatever API asks, the answers are found here."""
