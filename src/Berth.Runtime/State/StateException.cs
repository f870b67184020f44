namespace Berth.Runtime.State;

/// <summary>What is asked does not go with the containers that there are, or with the state of one; in runc's words, which engines look for.</summary>
public sealed class StateException : Exception
{
    /// <param name="message">Fit for users.</param>
    public StateException(string message)
        : base(message)
    {
    }

    /// <summary>Whether there is no such container.</summary>
    public bool IsMissing { get; private init; }

    /// <summary>There is no such container.</summary>
    public static StateException DoesNotExist() => new("container does not exist") { IsMissing = true };
}
