"""Each page has a category, by its path; events of the shop's own health check are dropped."""

CATEGORIES = (
    ("/products/", "product"),
    ("/category/", "listing"),
    ("/cart", "checkout"),
    ("/checkout", "checkout"),
    ("/account", "account"),
    ("/blog", "content"),
)
DROPPED = "/health"


def category_of(path):
    for beginning, category in CATEGORIES:
        if path.startswith(beginning):
            return category
    return "home" if path in ("", "/") else "other"


def enrich(event, page):
    if page["path"].startswith(DROPPED):
        return None
    properties = event.get("properties")
    if isinstance(properties, dict):
        properties.setdefault("page_category", category_of(page["path"]))
    return event
