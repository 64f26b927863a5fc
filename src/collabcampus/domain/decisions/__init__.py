"""What each command comes to, one file a subject: pure functions from command and project to events."""
