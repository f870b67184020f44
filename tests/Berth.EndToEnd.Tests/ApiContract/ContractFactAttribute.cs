namespace Berth.EndToEnd.Tests.ApiContract;

/// <summary>A fact that needs the published contract beside the checkout; elsewhere it says so and is skipped.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ContractFactAttribute : FactAttribute
{
    public ContractFactAttribute()
    {
        if (Contract.TryLoad() is null)
            Skip = "NOT TESTED: the description of the Engine API, shared/reference/engine-api-v1.51.yaml, is not beside this checkout";
    }
}
