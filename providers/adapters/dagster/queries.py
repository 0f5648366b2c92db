"""What is asked of Dagster, in GraphQL. Errors inside an answer are types of it (`__typename`).

Source: the schema of the server itself, below /graphql (1.13.27, November 2026).
"""

from __future__ import annotations

_ERRORS = "... on Error { message }"
_RUN = """
fragment Row on Run {
  runId jobName pipelineSnapshotId status creationTime startTime endTime parentRunId rootRunId
  tags { key value }
  repositoryOrigin { repositoryName repositoryLocationName }
  assetSelection { path } stepKeysToExecute runConfig
  hasTerminatePermission hasReExecutePermission
}"""

CHECK = f"""query Check {{ version
  runsOrError(limit: 1) {{ __typename {_ERRORS} ... on Runs {{ count }} }}
  workspaceOrError {{ __typename {_ERRORS} ... on Workspace {{
    locationEntries {{ name }} }} }} }}"""

RUNS = f"""query Runs($filter: RunsFilter, $cursor: String, $limit: Int) {{ version
  runsOrError(filter: $filter, cursor: $cursor, limit: $limit) {{
    __typename {_ERRORS} ... on Runs {{ count results {{ ...Row }} }} }} }}{_RUN}"""

DETAILS = f"""query Details($ids: [String]) {{
  runsOrError(filter: {{runIds: $ids}}) {{ __typename {_ERRORS} ... on Runs {{ results {{ ...Row
    executionPlan {{ steps {{ key }} }} assetChecks {{ name }}
    stepStats {{ stepKey status startTime endTime attempts {{ startTime endTime }} }}
    assetMaterializations {{ stepKey partition assetKey {{ path }} }}
  }} }} }} }}{_RUN}"""

CHECKED = f"""query Checked($ids: [String]) {{
  runsOrError(filter: {{runIds: $ids}}) {{ __typename {_ERRORS} ... on Runs {{ results {{
    pipelineSnapshotId assetChecks {{ name }} }} }} }} }}"""

_PYTHON_ERROR = "error { className message causes { className message } }"
_TROUBLE = f"""events {{ __typename
      ... on RunFailureEvent {{ message {_PYTHON_ERROR} }}
      ... on RunCancelingEvent {{ message }}
      ... on EngineEvent {{ {_PYTHON_ERROR} }}
      ... on ExecutionStepFailureEvent {{ stepKey message {_PYTHON_ERROR} }}
      ... on ExecutionStepUpForRetryEvent {{ stepKey message {_PYTHON_ERROR} }}
      ... on ExecutionStepRestartEvent {{ stepKey }}
      ... on AssetCheckEvaluationEvent {{ evaluation {{ success checkName assetKey {{ path }} }} }}
    }} cursor hasMore"""

TROUBLES = f"""query Troubles($ids: [String], $limit: Int) {{
  runsOrError(filter: {{runIds: $ids}}) {{ __typename {_ERRORS} ... on Runs {{ results {{
    runId eventConnection(limit: $limit) {{ {_TROUBLE} }} }} }} }} }}"""

MORE_TROUBLES = f"""query MoreTroubles($id: ID!, $cursor: String, $limit: Int) {{
  logsForRun(runId: $id, afterCursor: $cursor, limit: $limit) {{
    __typename {_ERRORS} ... on EventConnection {{ {_TROUBLE} }} }} }}"""

LOG = f"""query Log($id: ID!, $cursor: String, $limit: Int) {{
  runOrError(runId: $id) {{ __typename {_ERRORS} ... on Run {{ status }} }}
  logsForRun(runId: $id, afterCursor: $cursor, limit: $limit) {{
    __typename {_ERRORS} ... on EventConnection {{ cursor hasMore events {{
      ... on MessageEvent {{ message timestamp level stepKey eventType }}
      ... on ErrorEvent {{ error {{ message stack causes {{ message stack }} }} }}
      ... on LogsCapturedEvent {{ fileKey stepKeys }}
    }} }} }} }}"""

OUTPUT = f"""query Output($id: ID!) {{ runOrError(runId: $id) {{ __typename {_ERRORS} ... on Run {{
  assetMaterializations {{ stepKey partition description assetKey {{ path }}
    tags {{ key value }}
    metadataEntries {{ __typename label description
      ... on TextMetadataEntry {{ text }} ... on UrlMetadataEntry {{ url }}
      ... on PathMetadataEntry {{ path }} ... on NotebookMetadataEntry {{ path }}
      ... on JsonMetadataEntry {{ jsonString }} ... on MarkdownMetadataEntry {{ mdStr }}
      ... on IntMetadataEntry {{ intRepr }} ... on FloatMetadataEntry {{ floatRepr }}
      ... on BoolMetadataEntry {{ boolValue }} ... on TimestampMetadataEntry {{ timestamp }}
      ... on PythonArtifactMetadataEntry {{ module name }} ... on JobMetadataEntry {{ jobName }}
      ... on PipelineRunMetadataEntry {{ runId }}
      ... on AssetMetadataEntry {{ assetKey {{ path }} }}
    }} }} }} }} }}"""

HEALTH = f"""query Health {{
  instance {{ daemonHealth {{ allDaemonStatuses {{
    daemonType required healthy lastHeartbeatTime lastHeartbeatErrors {{ message }} }} }} }}
  workspaceOrError {{ __typename {_ERRORS} ... on Workspace {{ locationEntries {{
    name locationOrLoadError {{ __typename
      ... on PythonError {{ className message causes {{ className message }} }} }} }} }} }} }}"""

JOBS = f"""query Jobs {{ repositoriesOrError {{ __typename {_ERRORS}
  ... on RepositoryConnection {{ nodes {{ name location {{ name }} jobs {{ name }} }} }} }} }}"""

SCHEMA = f"""query Schema($job: PipelineSelector!) {{
  pipelineOrError(params: $job) {{ __typename {_ERRORS}
    ... on Pipeline {{ partitionKeysOrError {{ partitionKeys }} }} }}
  runConfigSchemaOrError(selector: $job) {{ __typename {_ERRORS} ... on RunConfigSchema {{
    rootConfigType {{ key }}
    allConfigTypes {{ __typename key
      ... on RegularConfigType {{ givenName }}
      ... on EnumConfigType {{ values {{ value }} }}
      ... on NullableConfigType {{ ofType {{ key }} }}
      ... on ScalarUnionConfigType {{ scalarTypeKey }}
      ... on CompositeConfigType {{ isSelector fields {{
        name description isRequired defaultValueAsJson configTypeKey }} }}
    }} }} }} }}"""

TERMINATE = f"""mutation Terminate($id: String!, $policy: TerminateRunPolicy) {{
  terminateRun(runId: $id, terminatePolicy: $policy) {{ __typename {_ERRORS}
    ... on PythonError {{ className }} ... on TerminateRunFailure {{ message }} }} }}"""

_LAUNCHED = f"""__typename {_ERRORS} ... on LaunchRunSuccess {{ run {{ runId }} }}
    ... on PythonError {{ className }}
    ... on RunConfigValidationInvalid {{ errors {{ message }} }}
    ... on InvalidStepError {{ invalidStepKey }} ... on InvalidOutputError {{ invalidOutputName }}
"""

LAUNCH = f"""mutation Launch($params: ExecutionParams!) {{
  launchRun(executionParams: $params) {{ {_LAUNCHED} }} }}"""

REEXECUTE = f"""mutation Reexecute($params: ReexecutionParams!) {{
  launchRunReexecution(reexecutionParams: $params) {{ {_LAUNCHED} }} }}"""

STARTED = f"""query Started($filter: RunsFilter) {{
  runsOrError(filter: $filter, limit: 100) {{
    __typename {_ERRORS} ... on Runs {{ results {{ runId }} }} }} }}"""
