"""Moving in from Segment: the mappings it gave out, as this forwarder's configuration."""

from forwarder.importing.exports import Exported, read_export
from forwarder.importing.report import Report, report_on
from forwarder.importing.writing import configuration_of

__all__ = ["Exported", "Report", "configuration_of", "read_export", "report_on"]
