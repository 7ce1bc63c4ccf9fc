"""Connects to a simulated CRM with requests-oauthlib, as a browser and an app do, and prints what it saw.

Arguments: authorisation URL, token URL, redirect URI, client id, client secret, scopes, URL to call with the token.
"""

import html
import json
import re
import sys
from urllib.parse import parse_qs, urlsplit

import requests
from oauthlib.oauth2.rfc6749.errors import AccessDeniedError, InvalidGrantError, MismatchingStateError
from requests_oauthlib import OAuth2Session


def answer(page_url, decision):
    """Reads the page's form and sends it; the redirect that comes back."""
    page = requests.get(page_url)
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.text)
    form = {html.unescape(name): html.unescape(value) for name, value in fields}
    form["user"] = html.unescape(re.search(r'<option value="([^"]*)">', page.text)[1])
    form["decision"] = decision
    return requests.post(page.url, data=form, allow_redirects=False).headers["Location"]


def main(authorize_url, token_url, redirect_uri, client_id, client_secret, scopes, probe):
    seen = {}

    def session():
        return OAuth2Session(client_id, redirect_uri=redirect_uri, scope=scopes.split(" "), pkce="S256")

    def fetch(app, location):
        return app.fetch_token(
            token_url, authorization_response=location, client_secret=client_secret, include_client_id=True
        )

    app = session()
    url, _ = app.authorization_url(authorize_url)
    seen["challenge"] = parse_qs(urlsplit(url).query)["code_challenge_method"]
    location = answer(url, "allow")
    token = fetch(app, location)
    seen["refreshable"] = "refresh_token" in token
    seen["called"] = app.get(probe).status_code
    try:
        fetch(app, location)
    except Exception as error:
        seen["twice"] = type(error).__name__

    other = session()
    url, _ = other.authorization_url(authorize_url)
    location = answer(url, "allow")
    thief = session()
    thief.authorization_url(authorize_url)
    thief._state = other._state
    try:
        fetch(thief, location)
    except Exception as error:
        seen["other_verifier"] = type(error).__name__

    refused = session()
    url, _ = refused.authorization_url(authorize_url)
    try:
        fetch(refused, answer(url, "deny"))
    except AccessDeniedError:
        seen["denied"] = True

    stranger = session()
    url, _ = stranger.authorization_url(authorize_url)
    location = answer(url, "allow")
    stranger._state = "another"
    try:
        fetch(stranger, location)
    except MismatchingStateError:
        seen["foreign_state"] = True

    fresh = app.refresh_token(token_url, client_id=client_id, client_secret=client_secret)
    seen["refreshed"] = fresh["access_token"] != token["access_token"] and app.get(probe).status_code == 200
    try:
        app.refresh_token(token_url, refresh_token="stale", client_id=client_id, client_secret=client_secret)
    except InvalidGrantError:
        seen["stale"] = True
    print(json.dumps(seen))


main(*sys.argv[1:])
