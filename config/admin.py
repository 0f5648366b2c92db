"""Takes the pages of allauth out of the admin: nothing of it is edited by hand."""

import allauth.account.admin
import allauth.mfa.admin
import allauth.socialaccount.admin  # noqa: F401 - loaded, so that they are there to be taken away
from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin

for model in (
    EmailAddress,
    EmailConfirmation,
    SocialAccount,
    SocialApp,
    SocialToken,
    Authenticator,
):
    if admin.site.is_registered(model):
        admin.site.unregister(model)
