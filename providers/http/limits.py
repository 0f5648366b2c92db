"""What a request may take: time and bytes."""

CONNECT_TIMEOUT = 5.0  # seconds
READ_TIMEOUT = 15.0  # seconds between two bytes
DEADLINE = 30.0  # seconds for one whole request
BODY_CAP = 5 * 2**20  # bytes of a JSON answer, after decompression
VALUES_CAP = 150_000  # values of a JSON answer; a list or an object counts for three
DOWNLOAD_CAP = 64 * 2**20  # bytes of a document
DOWNLOAD_DEADLINE = 300.0  # seconds
MOST_TRANSPORTS = 256  # accounts whose connections are kept
MAX_RETRY_AFTER = 3600.0  # seconds
DEFAULT_RETRY_AFTER = 30.0  # seconds
# Statuses by which HTTP says that a request was refused: nothing came of it. Not among them are
# 406 (often found out after the work was done), 408, 424, 425, 429 and every 4xx without a meaning.
REFUSALS = frozenset(
    {400, 401, 402, 403, 404, 405, 409, 410, 411, 412, 413, 414, 415, 422, 423, 426, 428, 431, 451}
)
USER_AGENT = "Annunciator"
