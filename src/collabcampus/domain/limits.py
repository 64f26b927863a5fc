"""Every bound of the domain, by name. A refusal beyond one names it."""

PROJECT_NAME_LENGTH = 200
DESCRIPTION_LENGTH = 20_000
COLUMN_NAME_LENGTH = 100
COLUMN_ID_LENGTH = 64
LABEL_NAME_LENGTH = 100
TASK_TITLE_LENGTH = 500
CHECKLIST_ITEM_LENGTH = 1_000
COMMENT_LENGTH = 20_000
MESSAGE_LENGTH = 10_000
EMOJI_LENGTH = 32
SEARCH_LENGTH = 200

COLUMNS_PER_PROJECT = 500
MEMBERS_PER_PROJECT = 1_600
LABELS_PER_PROJECT = 1_000
INVITATIONS_PER_PROJECT = 1_000
TASKS_PER_PROJECT = 5_000
"""Open ones: archived tasks do not count."""
ASSIGNEES_PER_TASK = 100
LABELS_PER_TASK = 100
ITEMS_PER_CHECKLIST = 200
MENTIONS_PER_TEXT = 50
EMOJIS_PER_MESSAGE = 50
EVENTS_PER_REPORT = 200_000
"""A longer history is not held in memory for a report."""
EVENTS_PER_COMMAND = 10_000
"""What one command may bring about: others wait for as long as it is written."""
TASKS_PER_COMMAND = 1_000
"""How many tasks one bulk command may name."""

ESTIMATE = 1_000_000
WIP_LIMIT = 5_000
INVITATION_USES = 10_000

RANK_LENGTH = 32
"""A longer rank is not given out: the tasks around are spread first."""
SPREAD_RANK_LENGTH = 16
