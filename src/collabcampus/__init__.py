"""CollabCampus: an event-sourced, real-time backend for project boards."""
