"""HTTP below the routes: connections and their bounds, responses, CORS, tokens, rate limits."""
