"""What a request may take: time and bytes."""

CONNECT_TIMEOUT = 5.0  # seconds
READ_TIMEOUT = 15.0  # seconds between two bytes
DEADLINE = 30.0  # seconds for one whole request
BODY_CAP = 5 * 2**20  # bytes of a JSON answer, after decompression
DOWNLOAD_CAP = 64 * 2**20  # bytes of a document
DOWNLOAD_DEADLINE = 300.0  # seconds
MAX_RETRY_AFTER = 3600.0  # seconds
DEFAULT_RETRY_AFTER = 30.0  # seconds
USER_AGENT = "Annunciator"
