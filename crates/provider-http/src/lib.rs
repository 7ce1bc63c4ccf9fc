//! What every REST provider needs: retry, rate limit, auth retry, redaction
