"""Socket.IO: python-socketio's server made strict, and the project rooms behind it."""
