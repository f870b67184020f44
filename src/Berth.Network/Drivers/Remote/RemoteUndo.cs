using Berth.Model;

namespace Berth.Network.Drivers.Remote;

/// <summary>Takes back what a plugin was told before something failed.</summary>
internal static class RemoteUndo
{
    /// <summary>Does so.</summary>
    /// <returns>What is to be thrown: the failure, with what then failed besides.</returns>
    public static async Task<EngineException> AfterAsync(EngineException failure, Func<Task> undo)
    {
        try
        {
            await undo();
            return failure;
        }
        catch (Exception second) when (second is not OperationCanceledException)
        {
            return new EngineException(failure.Kind, $"{failure.Message}; and what was made before stays with the plugin: {second.Message}", failure);
        }
    }
}
