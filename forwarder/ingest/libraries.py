"""Names in ``context.library.name``: who sends from a page, who from an app."""

from typing import Final

_SEGMENT_PAGES: Final = frozenset({"analytics.js"})
_SEGMENT_APPS: Final = frozenset(
    {
        "analytics-ios",
        "analytics-android",
        "analytics-swift",
        "analytics-kotlin",
        "analytics-flutter",
        "analytics-react-native",
        "@segment/analytics-react-native",
    }
)
CLIENT_LIBRARIES: Final = _SEGMENT_PAGES | _SEGMENT_APPS
"""Libraries whose senders' address is the user's; servers' addresses say nothing."""
PAGE_LIBRARIES: Final = _SEGMENT_PAGES | {
    "@ht-sdks/events-sdk-js",
    "RudderLabs JavaScript SDK",
    "@jitsu/js",
    "@jitsu/analytics",
    "jitsu-js",
}
APP_LIBRARIES: Final = _SEGMENT_APPS | {
    "analytics-csharp",
    "rudder-ios-library",
    "rudder-swift-library",
    "com.rudderstack.android.sdk.core",
    "rudder-react-native-library",
}
