using Berth.Runtime.Host;

namespace Berth.Runtime.Shims;

/// <summary>A shim refused a request, or was lost.</summary>
public sealed class ShimException : Exception
{
    /// <param name="failure">Why.</param>
    /// <param name="message">Fit for users.</param>
    /// <param name="inner">The cause, where there is one.</param>
    public ShimException(ShimFailure failure, string message, Exception? inner = null)
        : base(message, inner) => Failure = failure;

    /// <summary>Why.</summary>
    public ShimFailure Failure { get; }

    /// <summary>The same in the words of a start: <see cref="Host.StartFailure.Host"/> for everything that is not about the command or the configuration.</summary>
    public StartFailure StartFailure => Failure switch
    {
        ShimFailure.CommandNotFound => StartFailure.CommandNotFound,
        ShimFailure.CommandNotExecutable => StartFailure.CommandNotExecutable,
        ShimFailure.InvalidConfig or ShimFailure.InvalidRequest => StartFailure.InvalidConfig,
        _ => StartFailure.Host,
    };

    internal static ShimFailure FromStart(StartFailure failure) => failure switch
    {
        StartFailure.CommandNotFound => ShimFailure.CommandNotFound,
        StartFailure.CommandNotExecutable => ShimFailure.CommandNotExecutable,
        StartFailure.InvalidConfig => ShimFailure.InvalidConfig,
        _ => ShimFailure.Host,
    };
}
