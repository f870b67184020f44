using Berth.Model;

namespace Berth.Api;

/// <summary>The one table between <see cref="ErrorKind"/> and HTTP status: the daemon maps to the wire, the client maps back.</summary>
public static class ErrorStatus
{
    /// <summary>The HTTP status that stands for <paramref name="kind"/>.</summary>
    public static int FromKind(ErrorKind kind) => kind switch
    {
        ErrorKind.NotModified => 304,
        ErrorKind.InvalidArgument => 400,
        ErrorKind.Unauthorized => 401,
        ErrorKind.Forbidden => 403,
        ErrorKind.NotFound => 404,
        ErrorKind.Conflict => 409,
        ErrorKind.TooLarge => 413,
        ErrorKind.NotImplemented => 501,
        ErrorKind.Unavailable => 503,
        _ => 500,
    };

    /// <summary>The kind that an HTTP status of 304 or at least 400 stands for; other 4xx are invalid arguments, other 5xx internal errors.</summary>
    public static ErrorKind ToKind(int status) => status switch
    {
        304 => ErrorKind.NotModified,
        401 => ErrorKind.Unauthorized,
        403 => ErrorKind.Forbidden,
        404 => ErrorKind.NotFound,
        409 => ErrorKind.Conflict,
        413 => ErrorKind.TooLarge,
        501 => ErrorKind.NotImplemented,
        503 => ErrorKind.Unavailable,
        >= 400 and < 500 => ErrorKind.InvalidArgument,
        _ => ErrorKind.Internal,
    };
}
