"""What the admin shows. Each page is in the `admin` of its capability."""

from __future__ import annotations

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User

from executions.access.admin import AuditAdmin, GrantAdmin, PersonAdmin
from executions.accounts.admin import AccountWithHistory
from executions.api.admin import ApiTokenAdmin
from executions.commands.admin import CommandAdmin
from executions.correlation.admin import KeyRuleAdmin
from executions.models import (
    ApiToken,
    AuditEntry,
    Command,
    CorrelationRule,
    NoticeRule,
    Quarantine,
    Workflow,
)
from executions.notifications.admin import NoticeRuleAdmin
from executions.polling.admin import QuarantineAdmin
from executions.workflows.admin import WorkflowAdmin
from providers.models import Grant, ProviderAccount

admin.site.site_header = "Annunciator administration"
admin.site.site_title = "Annunciator"
admin.site.index_title = "Administration"
apps.get_app_config("auth").verbose_name = "People"
admin.site.unregister(User)
admin.site.register(ApiToken, ApiTokenAdmin)
admin.site.register(AuditEntry, AuditAdmin)
admin.site.register(Command, CommandAdmin)
admin.site.register(CorrelationRule, KeyRuleAdmin)
admin.site.register(Grant, GrantAdmin)
admin.site.register(NoticeRule, NoticeRuleAdmin)
admin.site.register(ProviderAccount, AccountWithHistory)
admin.site.register(Quarantine, QuarantineAdmin)
admin.site.register(User, PersonAdmin)
admin.site.register(Workflow, WorkflowAdmin)
