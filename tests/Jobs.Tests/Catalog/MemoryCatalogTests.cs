using Brownian.Jobs.Catalog;
using Brownian.Jobs.InProcess;

namespace Brownian.Jobs.Tests.Catalog;

public sealed class MemoryCatalogTests : CatalogContract
{
    private protected override Task<ICatalog> OpenAsync() => Task.FromResult<ICatalog>(new MemoryCatalog());
}
