using Microsoft.Extensions.Logging;

namespace Brownian.Jobs.Telemetry;

/// <summary>The log messages of the platform. Every message about a job contains its id.</summary>
internal static partial class PlatformLog
{
    [LoggerMessage(EventId = 1, EventName = "BlobsLeft", Level = LogLevel.Warning, Message = "The tensors of job {Job} could not be "
        + "removed; they are removed with the job")]
    public static partial void BlobsLeft(ILogger logger, string job, Exception exception);

    [LoggerMessage(EventId = 2, EventName = "StageTaken", Level = LogLevel.Information,
        Message = "Job {Job}: the worker takes stage {Stage}, attempt {Attempt}")]
    public static partial void StageTaken(ILogger logger, string job, string stage, long attempt);

    [LoggerMessage(EventId = 3, EventName = "StageDone", Level = LogLevel.Information,
        Message = "Job {Job}: stage {Stage} completed in {Milliseconds} ms")]
    public static partial void StageDone(ILogger logger, string job, string stage, double milliseconds);

    [LoggerMessage(EventId = 4, EventName = "StageReturned", Level = LogLevel.Information,
        Message = "Job {Job}: stage {Stage} returned to its queue: {Reason}")]
    public static partial void StageReturned(ILogger logger, string job, string stage, string reason);

    [LoggerMessage(EventId = 5, EventName = "LeaseLost", Level = LogLevel.Information, Message = "Job {Job}: stage {Stage} stopped: "
        + "the job ended or another worker has it")]
    public static partial void LeaseLost(ILogger logger, string job, string stage);

    [LoggerMessage(EventId = 6, EventName = "JobFailed", Level = LogLevel.Warning, Message = "Job {Job} failed in stage {Stage}: {Reason}")]
    public static partial void JobFailed(ILogger logger, string job, string stage, string reason);

    [LoggerMessage(EventId = 7, EventName = "StageCrashed", Level = LogLevel.Error, Message = "Job {Job} failed in stage {Stage} unexpectedly")]
    public static partial void StageCrashed(ILogger logger, string job, string stage, Exception exception);

    [LoggerMessage(EventId = 8, EventName = "MessageDelayed", Level = LogLevel.Warning,
        Message = "Job {Job}: the message for stage {Stage} could not "
        + "be sent now; the reconciler sends it later")]
    public static partial void MessageDelayed(ILogger logger, string job, string stage, Exception exception);

    [LoggerMessage(EventId = 9, EventName = "WorkerReady", Level = LogLevel.Information, Message = "Worker {Worker} is ready: {Models}")]
    public static partial void WorkerReady(ILogger logger, string worker, string models);

    [LoggerMessage(EventId = 10, EventName = "WorkerDrains", Level = LogLevel.Information, Message = "Worker {Worker} is draining")]
    public static partial void WorkerDrains(ILogger logger, string worker);

    [LoggerMessage(EventId = 11, EventName = "WorkerDrained", Level = LogLevel.Information, Message = "Worker {Worker} has drained")]
    public static partial void WorkerDrained(ILogger logger, string worker);

    [LoggerMessage(EventId = 34, EventName = "WorkerEmptied", Level = LogLevel.Information,
        Message = "Worker {Worker} found its queues empty and stops")]
    public static partial void WorkerEmptied(ILogger logger, string worker);

    [LoggerMessage(EventId = 12, EventName = "WorkerCannotStart", Level = LogLevel.Error, Message = "Worker {Worker} cannot start: {Reason}")]
    public static partial void WorkerCannotStart(ILogger logger, string worker, string reason, Exception? exception);

    [LoggerMessage(EventId = 13, EventName = "MessageResent", Level = LogLevel.Warning,
        Message = "Job {Job}: stage {Stage} waited without a message; the reconciler sent the message again")]
    public static partial void MessageResent(ILogger logger, string job, string stage);

    [LoggerMessage(EventId = 14, EventName = "LeaseExpired", Level = LogLevel.Warning, Message = "Job {Job}: the lease of worker {Worker} "
        + "on stage {Stage} expired; expired leases without progress: {Deaths}")]
    public static partial void LeaseExpired(ILogger logger, string job, string? worker, string stage, int deaths);

    [LoggerMessage(EventId = 15, EventName = "DeadMessage", Level = LogLevel.Error, Message = "A message on {Queue} cannot be processed: "
        + "{Reason}; job {Job}; its body begins: {Body}")]
    public static partial void DeadMessage(ILogger logger, string queue, string reason, string? job, string body);

    [LoggerMessage(EventId = 16, EventName = "ConfigurationWarning", Level = LogLevel.Warning, Message = "{Warning}")]
    public static partial void ConfigurationWarning(ILogger logger, string warning);

    [LoggerMessage(EventId = 17, EventName = "Unavailable", Level = LogLevel.Warning, Message = "{Part} is unavailable: {Reason}")]
    public static partial void Unavailable(ILogger logger, string part, string reason);

    [LoggerMessage(EventId = 18, EventName = "BlobDamaged", Level = LogLevel.Error, Message = "Job {Job}: {Key} is missing or "
        + "damaged; its stage runs again")]
    public static partial void BlobDamaged(ILogger logger, string job, string key);

    [LoggerMessage(EventId = 21, EventName = "MemoryLimitExceeded", Level = LogLevel.Warning,
        Message = "Worker {Worker}: {Resident} MiB are resident, "
        + "above the limit of {Limit} MiB; the worker drains and its process ends")]
    public static partial void MemoryLimitExceeded(ILogger logger, string worker, long resident, long limit);

    [LoggerMessage(EventId = 22, EventName = "MemoryLimitTooLow", Level = LogLevel.Warning, Message = "Worker {Worker}: {Resident} MiB are resident "
        + "before its first stage, above the limit of {Limit} MiB; its process will end after every stage")]
    public static partial void MemoryLimitTooLow(ILogger logger, string worker, long resident, long limit);

    [LoggerMessage(EventId = 20, EventName = "ReconcilerFailed", Level = LogLevel.Error,
        Message = "The reconciler failed; it continues with its next pass")]
    public static partial void ReconcilerFailed(ILogger logger, Exception exception);

    [LoggerMessage(EventId = 30, EventName = "WorkerStartFailed", Level = LogLevel.Critical,
        Message = "Worker {Worker} could not start for {Seconds} "
        + "s; its process ends with an error: {Reason}")]
    public static partial void WorkerStartFailed(ILogger logger, string worker, double seconds, string? reason);

    [LoggerMessage(EventId = 31, EventName = "SlotCrashed", Level = LogLevel.Error, Message = "A slot of worker {Worker} failed "
        + "unexpectedly; the slot takes the next stage after a pause")]
    public static partial void SlotCrashed(ILogger logger, string worker, Exception exception);

    [LoggerMessage(EventId = 32, EventName = "EventsPending", Level = LogLevel.Warning,
        Message = "{Count} integration events stay in the outbox and are published later: {Reason}")]
    public static partial void EventsPending(ILogger logger, int count, string reason);

    [LoggerMessage(EventId = 33, EventName = "EventsLost", Level = LogLevel.Error,
        Message = "Job {Job} is removed after twice its retention, with integration events that could not be published")]
    public static partial void EventsLost(ILogger logger, string job);

    [LoggerMessage(EventId = 23, EventName = "CallUnavailable", Level = LogLevel.Warning,
        Message = "The call {Method} is answered with UNAVAILABLE: {Details}")]
    public static partial void CallUnavailable(ILogger logger, string method, string details);

    [LoggerMessage(EventId = 35, EventName = "AuditUnavailable", Level = LogLevel.Warning,
        Message = "A refused call is not in the audit log: {Details}")]
    public static partial void AuditUnavailable(ILogger logger, string details);

    [LoggerMessage(EventId = 36, EventName = "InitialKey", Level = LogLevel.Information,
        Message = "The first API key, of the tenant default, is in {File}; brownian keys create makes others")]
    public static partial void InitialKey(ILogger logger, string file);

    [LoggerMessage(EventId = 37, EventName = "InitialKeyEnded", Level = LogLevel.Warning,
        Message = "The first API key in {File} has ended; a file that is removed is created again with a new key at the next start")]
    public static partial void InitialKeyEnded(ILogger logger, string file);

    [LoggerMessage(EventId = 43, EventName = "EveryCallerIsLetIn", Level = LogLevel.Warning,
        Message = "Every caller that reaches {Address} is let in, because Platform:Authentication is none (docs/security.md)")]
    public static partial void EveryCallerIsLetIn(ILogger logger, string address);

    [LoggerMessage(EventId = 44, EventName = "KeysAreNotEncrypted", Level = LogLevel.Warning,
        Message = "Keys and images that are sent to {Address} are not encrypted: the process has no certificate (docs/tls.md). Where nothing before "
            + "it speaks TLS, others on the network can read them")]
    public static partial void KeysAreNotEncrypted(ILogger logger, string address);

    [LoggerMessage(EventId = 45, EventName = "DataFolderIsOpen", Level = LogLevel.Warning,
        Message = "Other users of this machine can read the data folder {Folder}, with its prompts, images and secrets: chmod 700 it")]
    public static partial void DataFolderIsOpen(ILogger logger, string folder);

    [LoggerMessage(EventId = 40, EventName = "CertificateExpires", Level = LogLevel.Warning,
        Message = "The certificate in {File} expires at {Expires:u}; replace the file before, and the process reads it again")]
    public static partial void CertificateExpires(ILogger logger, string? file, DateTimeOffset expires);

    [LoggerMessage(EventId = 41, EventName = "CertificatesRefused", Level = LogLevel.Warning,
        Message = "The changed certificates cannot be used, and the process keeps the previous ones: {Faults}")]
    public static partial void CertificatesRefused(ILogger logger, string faults);

    [LoggerMessage(EventId = 42, EventName = "CertificatesReplaced", Level = LogLevel.Information,
        Message = "The certificates were replaced; new connections have the certificate {Thumbprint}")]
    public static partial void CertificatesReplaced(ILogger logger, string? thumbprint);

    [LoggerMessage(EventId = 46, EventName = "WatchedModelRefused", Level = LogLevel.Warning,
        Message = "{Model} in the watched folder is not served: {Reason}")]
    public static partial void WatchedModelRefused(ILogger logger, string model, string reason);

    [LoggerMessage(EventId = 47, EventName = "WatchedModelWithdrawn", Level = LogLevel.Information,
        Message = "{Model} in the watched folder is gone or changes, and is no longer served")]
    public static partial void WatchedModelWithdrawn(ILogger logger, string model);

    [LoggerMessage(EventId = 48, EventName = "WatchedModelServed", Level = LogLevel.Information,
        Message = "Worker {Worker} serves {Model} of the watched folder")]
    public static partial void WatchedModelServed(ILogger logger, string worker, string model);

    [LoggerMessage(EventId = 49, EventName = "GatewayServes", Level = LogLevel.Information,
        Message = "JSON and gRPC-Web: {Http}; gRPC, for --server: {Grpc}; operators: JSON and metrics {OperatorHttp}, gRPC {OperatorGrpc}")]
    public static partial void GatewayServes(ILogger logger, string? http, string? grpc, string? operatorHttp, string? operatorGrpc);

    [LoggerMessage(EventId = 19, EventName = "CallCrashed", Level = LogLevel.Error, Message = "The call {Method} failed unexpectedly")]
    public static partial void CallCrashed(ILogger logger, string method, Exception exception);
}
