using Berth.Engine.Upkeep;

namespace Berth.Daemon.Http;

/// <summary>Makes room before a request that brings an image, or refuses it.</summary>
internal static class BudgetGate
{
    /// <summary>After the version was taken off the path.</summary>
    public static async Task InvokeAsync(HttpContext context, RequestDelegate next, StorageBudget budget)
    {
        if (HttpMethods.IsPost(context.Request.Method) && context.Request.Path.Value is ("/images/create" or "/images/load" or "/commit" or "/build"))
        {
            await budget.MakeRoomAsync(context.RequestAborted);
        }

        await next(context);
    }
}
