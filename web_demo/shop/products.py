"""What is sold, in the field names of Segment's e-commerce events, and who buys."""

PRODUCTS: list[dict[str, object]] = [
    {
        "product_id": "kettle",
        "sku": "K-1",
        "name": "Gooseneck kettle",
        "category": "Coffee",
        "price": 49.0,
        "about": "Pours where you point it.",
    },
    {
        "product_id": "grinder",
        "sku": "G-1",
        "name": "Hand grinder",
        "category": "Coffee",
        "price": 79.5,
        "about": "Steel burrs, forty turns a cup.",
    },
    {
        "product_id": "beans",
        "sku": "B-1",
        "name": "Beans, 1 kg",
        "category": "Coffee",
        "price": 24.9,
        "about": "Roasted on Tuesdays.",
    },
    {
        "product_id": "mug",
        "sku": "M-1",
        "name": "Heavy mug",
        "category": "Table",
        "price": 12.0,
        "about": "Keeps its warmth and its place.",
    },
    {
        "product_id": "scale",
        "sku": "S-1",
        "name": "Scale with timer",
        "category": "Coffee",
        "price": 38.0,
        "about": "A tenth of a gram, a tenth of a second.",
    },
    {
        "product_id": "tray",
        "sku": "T-1",
        "name": "Walnut tray",
        "category": "Table",
        "price": 31.0,
        "about": "Oiled, not varnished.",
    },
]
COMPANIES = {"c-100": "Northern Roasters", "c-200": "Harbour Cafés"}
